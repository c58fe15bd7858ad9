# A good day: one operator, a handful of alarms, all taken.
operators 1 from 00:00 to 1+00:00
06:30 raise i1 cam-1/traffic low
06:31 ack i1
07:10 clear i1
07:15 raise i2 cam-2/traffic low
07:16:30 ack i2
16:50 raise i3 cam-3/flood medium
16:50:30 ack i3
18:00 clear i2
19:20 raise i4 cam-1/traffic low
19:22 ack i4
22:05 raise i5 cam-9/fire high
22:05:10 ack i5
