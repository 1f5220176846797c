# Two models of two replicas each sit on three servers with room for two. They
# end as one of each on two of them, and stay so. (ordinal removal)
group gpu slots=2 max=9 servers=3 ordinal
model a gpu slots=1 replicas=2
model b gpu slots=1 replicas=2
place gpu-0000 a b
place gpu-0001 a
place gpu-0002 b
always serving a 2
always serving b 2
run 10m every 2s
----
at 2s
  a: 2: fixed count (serving 2, starting 0, draining 0)
  b: 2: fixed count (serving 2, starting 0, draining 0)
at 5m2s
  now load b on gpu/gpu-0001: consolidating
at 5m4s
  b: 2: fixed count (serving 2, starting 1, draining 0)
  later route b on gpu/gpu-0001: waits for the load
  later unroute b on gpu/gpu-0002: waits for a replacement to serve
at 5m6s
  now route b on gpu/gpu-0001: replica loaded
at 5m8s
  b: 2: fixed count (serving 3, starting 0, draining 0)
  now unroute b on gpu/gpu-0002: replica spare
at 5m10s
  b: 2: fixed count (serving 2, starting 0, draining 1)
  now unload b on gpu/gpu-0002: drained
at 5m12s
  b: 2: fixed count (serving 2, starting 0, draining 0)
  now scale gpu to 2: server empty
expect servers gpu 2
expect on gpu-0000 a b
expect on gpu-0001 a b
nothing moves
run 2h every 10s
----
