# Two servers of three leave at once. Neither takes in what the other one holds:
# each model serves on a server that stays before it stops where it was.
group gpu slots=2 max=9 servers=3
model a gpu slots=1 replicas=1
model b gpu slots=1 replicas=1
model c gpu slots=1 replicas=1
place gpu-0000 a
place gpu-0001 b
place gpu-0002 c
always serving a 1
always serving b 1
always serving c 1
run 2s every 2s
----
at 2s
  a: 1: fixed count (serving 1, starting 0, draining 0)
  b: 1: fixed count (serving 1, starting 0, draining 0)
  c: 1: fixed count (serving 1, starting 0, draining 0)
leave gpu-0000 gpu-0001
run 30s every 2s
----
at 4s
  now load a on gpu/gpu-0002: replica short
  now scale gpu to 2 -gpu-0004: server empty
  later unroute a on gpu/gpu-0000: waits for a replacement to serve
  later unroute b on gpu/gpu-0001: waits for a replacement to serve
  later load b on gpu/gpu-0003: waits for the server to be up
at 6s
  a: 1: fixed count (serving 1, starting 1, draining 0)
  later route a on gpu/gpu-0002: waits for the load
at 8s
  now route a on gpu/gpu-0002: replica loaded
at 10s
  a: 1: fixed count (serving 2, starting 0, draining 0)
  now unroute a on gpu/gpu-0000: server leaving
at 12s
  a: 1: fixed count (serving 1, starting 0, draining 1)
  now unload a on gpu/gpu-0000: drained
at 14s
  a: 1: fixed count (serving 1, starting 0, draining 0)
  now load b on gpu/gpu-0003: replica short
at 16s
  b: 1: fixed count (serving 1, starting 1, draining 0)
  later route b on gpu/gpu-0003: waits for the load
at 18s
  now route b on gpu/gpu-0003: replica loaded
at 20s
  b: 1: fixed count (serving 2, starting 0, draining 0)
  now unroute b on gpu/gpu-0001: server leaving
at 22s
  b: 1: fixed count (serving 1, starting 0, draining 1)
  now unload b on gpu/gpu-0001: drained
at 24s
  b: 1: fixed count (serving 1, starting 0, draining 0)
expect on gpu-0000 -
expect on gpu-0001 -
expect serving a 1
expect serving b 1
expect loads a 1
expect loads b 1
