# One camera looks at a neon sign on a wet road; the others are quiet.
operators 1 from 18:00 to 22:00
18:00 raise i1 cam-7/fire high
18:03 clear i1
18:04 raise i2 cam-7/fire high
18:06 clear i2
18:09 raise i3 cam-7/fire high
18:11 clear i3
19:00 raise i4 cam-1/traffic low
19:30 raise i5 cam-1/traffic low
19:50 raise i6 cam-1/traffic low
