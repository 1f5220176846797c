# A server that retires is wanted again before it has gone: it stays, and none is
# ordered.
group gpu gib=2 pool=2 pool-track=2 max=3 servers=2
model a gpu gib=1 min=1 load=30s
model b gpu gib=1 min=1 load=30s
place gpu-0000 a
place gpu-0001 b
arrive a 3
run 4s every 2s
----
at 2s
  a: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  now load a on gpu/gpu-0001: replica short
  pool gpu: 2: target ratio
at 4s
  a: 2: within tolerance (serving 1, starting 1, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  later route a on gpu/gpu-0001: waits for the load
finish a 2
run 8s every 2s
----
at 6s
  a: 1: target ratio 2->1 (serving 1, starting 1, draining 0)
  later unroute a on gpu/gpu-0000: waits for a replacement to serve
  pool gpu: 1: target ratio 2->1
  pool gpu: gpu-0000 retires
at 8s
  a: 1: target ratio (serving 1, starting 1, draining 0)
  pool gpu: 1: target ratio
arrive b 3
always serving b 1
run 20s every 2s
----
at 14s
  a: 1: target ratio (serving 1, starting 1, draining 0, extra 1)
  b: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
  now load b on gpu/gpu-0000: replica short
  pool gpu: 2: target ratio 1->2
at 16s
  b: 2: within tolerance (serving 1, starting 1, draining 0)
  later route b on gpu/gpu-0000: waits for the load
  pool gpu: 2: within tolerance
at 32s
  now route a on gpu/gpu-0001: replica loaded
expect servers gpu 2
expect ordered gpu 2
expect serving b 1
