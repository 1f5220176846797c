# Two full servers hold a and c, and b and c. c ends: what is left fits on
# the first one, and the second goes when all has settled. (free removal)
group gpu slots=2 max=9 servers=2
model a gpu slots=1 replicas=1
model b gpu slots=1 replicas=1
model c gpu slots=1 replicas=2
place gpu-0000 a c
place gpu-0001 b c
run 10m every 2s
----
at 2s
  a: 1: fixed count (serving 1, starting 0, draining 0)
  b: 1: fixed count (serving 1, starting 0, draining 0)
  c: 2: fixed count (serving 2, starting 0, draining 0)
expect servers gpu 2

update model c replicas=0
always serving a 1
always serving b 1
run 4m every 2s
----
at 10m2s
  c: 0: fixed count (serving 2, starting 0, draining 0)
  now unroute c on gpu/gpu-0000: replica spare
  now unroute c on gpu/gpu-0001: replica spare
at 10m4s
  c: 0: fixed count (serving 0, starting 0, draining 2)
  now unload c on gpu/gpu-0000: drained
  now unload c on gpu/gpu-0001: drained
at 10m6s
  c: 0: fixed count (serving 0, starting 0, draining 0)
expect servers gpu 2
run 6m every 2s
----
at 15m4s
  now load b on gpu/gpu-0000: consolidating
at 15m6s
  b: 1: fixed count (serving 1, starting 1, draining 0)
  later route b on gpu/gpu-0000: waits for the load
  later unroute b on gpu/gpu-0001: waits for a replacement to serve
at 15m8s
  now route b on gpu/gpu-0000: replica loaded
at 15m10s
  b: 1: fixed count (serving 2, starting 0, draining 0)
  now unroute b on gpu/gpu-0001: replica spare
at 15m12s
  b: 1: fixed count (serving 1, starting 0, draining 1)
  now unload b on gpu/gpu-0001: drained
at 15m14s
  b: 1: fixed count (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
expect servers gpu 1
expect on gpu-0000 a b
nothing moves
run 2h every 10s
----
