# i1 was taken and never closed; i2 was closed the next day; i3 is 23 hours old at the end.
operators 1 from 1+00:00 to 2+00:00
08:00 raise i1 cam-1/flood medium
08:02 ack i1
09:00 raise i2 cam-2/traffic low
1+08:00 clear i2
1+01:00 raise i3 cam-3/flood medium
1+01:05 ack i3
