# No model has more than two replicas, yet they sit on four servers. When all has
# been quiet for five minutes they are packed on two; every model serves all the
# while, and nothing of it is ever undone.
group gpu slots=3 max=9 servers=4
model a gpu slots=1 replicas=2
model b gpu slots=1 replicas=2
model c gpu slots=1 replicas=1
place gpu-0000 a
place gpu-0001 a b
place gpu-0002 b
place gpu-0003 c
always serving a 2
always serving b 2
always serving c 1
run 10m every 2s
----
at 2s
  a: 2: fixed count (serving 2, starting 0, draining 0)
  b: 2: fixed count (serving 2, starting 0, draining 0)
  c: 1: fixed count (serving 1, starting 0, draining 0)
at 5m2s
  now load b on gpu/gpu-0000: consolidating
  now load c on gpu/gpu-0000: consolidating
at 5m4s
  b: 2: fixed count (serving 2, starting 1, draining 0)
  c: 1: fixed count (serving 1, starting 1, draining 0)
  later route b on gpu/gpu-0000: waits for the load
  later unroute b on gpu/gpu-0002: waits for a replacement to serve
  later route c on gpu/gpu-0000: waits for the load
  later unroute c on gpu/gpu-0003: waits for a replacement to serve
at 5m6s
  now route b on gpu/gpu-0000: replica loaded
  now route c on gpu/gpu-0000: replica loaded
at 5m8s
  b: 2: fixed count (serving 3, starting 0, draining 0)
  c: 1: fixed count (serving 2, starting 0, draining 0)
  now unroute b on gpu/gpu-0002: replica spare
  now unroute c on gpu/gpu-0003: replica spare
at 5m10s
  b: 2: fixed count (serving 2, starting 0, draining 1)
  c: 1: fixed count (serving 1, starting 0, draining 1)
  now unload b on gpu/gpu-0002: drained
  now unload c on gpu/gpu-0003: drained
at 5m12s
  b: 2: fixed count (serving 2, starting 0, draining 0)
  c: 1: fixed count (serving 1, starting 0, draining 0)
  now scale gpu to 2 -gpu-0002 -gpu-0003: server empty
expect servers gpu 2
nothing moves
run 2h every 10s
----
