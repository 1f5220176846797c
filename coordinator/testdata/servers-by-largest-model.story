# Every server has room for all models, and at most one replica of each: there
# are as many servers as the largest model has replicas, and no more than may be.
group gpu slots=3 max=4 servers=0
model a gpu slots=1 replicas=3
model b gpu slots=1 replicas=2
model c gpu slots=1 replicas=1
run 20s every 2s
----
at 2s
  a: 3: fixed count (serving 0, starting 3, draining 0)
  b: 2: fixed count (serving 0, starting 2, draining 0)
  c: 1: fixed count (serving 0, starting 1, draining 0)
  now scale gpu to 3: no room
  later load a on gpu: waits for a server that is ordered
  later load a on gpu: waits for a server that is ordered
  later load a on gpu: waits for a server that is ordered
  later load b on gpu: waits for a server that is ordered
  later load b on gpu: waits for a server that is ordered
  later load c on gpu: waits for a server that is ordered
at 4s
  later load a on gpu/gpu-0000: waits for the server to be up
  later load a on gpu/gpu-0001: waits for the server to be up
  later load a on gpu/gpu-0002: waits for the server to be up
  later load b on gpu/gpu-0000: waits for the server to be up
  later load b on gpu/gpu-0001: waits for the server to be up
  later load c on gpu/gpu-0000: waits for the server to be up
at 12s
  now load a on gpu/gpu-0000: replica short
  now load a on gpu/gpu-0001: replica short
  now load a on gpu/gpu-0002: replica short
  now load b on gpu/gpu-0000: replica short
  now load b on gpu/gpu-0001: replica short
  now load c on gpu/gpu-0000: replica short
at 14s
  later route a on gpu/gpu-0000: waits for the load
  later route a on gpu/gpu-0001: waits for the load
  later route a on gpu/gpu-0002: waits for the load
  later route b on gpu/gpu-0000: waits for the load
  later route b on gpu/gpu-0001: waits for the load
  later route c on gpu/gpu-0000: waits for the load
at 16s
  now route a on gpu/gpu-0000: replica loaded
  now route a on gpu/gpu-0001: replica loaded
  now route a on gpu/gpu-0002: replica loaded
  now route b on gpu/gpu-0000: replica loaded
  now route b on gpu/gpu-0001: replica loaded
  now route c on gpu/gpu-0000: replica loaded
at 18s
  a: 3: fixed count (serving 3, starting 0, draining 0)
  b: 2: fixed count (serving 2, starting 0, draining 0)
  c: 1: fixed count (serving 1, starting 0, draining 0)
expect servers gpu 3
expect on gpu-0000 a b c

update model a replicas=6
run 20s every 2s
----
at 22s
  a: 6: fixed count (serving 3, starting 3, draining 0)
  now scale gpu to 4: no room
  later load a on gpu: waits for a server that is ordered
  refused in gpu: 2 of a refused: one of each
at 24s
  a: 6: fixed count (serving 3, starting 1, draining 0)
  later load a on gpu/gpu-0003: waits for the server to be up
at 32s
  now load a on gpu/gpu-0003: replica short
at 34s
  later route a on gpu/gpu-0003: waits for the load
at 36s
  now route a on gpu/gpu-0003: replica loaded
at 38s
  a: 6: fixed count (serving 4, starting 0, draining 0)
expect servers gpu 4
expect serving a 4
expect refused a 2
