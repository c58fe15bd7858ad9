# A storm at 17:00: forty streets flood within twenty minutes, two operators. Nothing more comes after 17:30.
operators 2 from 12:00 to 1+00:00
14:00 raise i1 cam-1/traffic low
17:00 burst 40 every 30 cam/flood-
17:25 raise i2 cam-1/traffic low
