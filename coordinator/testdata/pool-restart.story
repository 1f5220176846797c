# The planner loses its place while a server retires. With its memory the next one
# goes on; without, it starts from what it finds and looks for itself.
group gpu gib=2 pool=2 pool-track=2 max=3 servers=2
model a gpu gib=1 min=1 load=10s drain=20s
model b gpu gib=1 min=1 load=10s
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
always serving a 1
always serving b 1
run 4s every 2s
----
at 6s
  a: 1: target ratio 2->1 (serving 1, starting 1, draining 0)
  later unroute a on gpu/gpu-0000: waits for a replacement to serve
  pool gpu: 1: target ratio 2->1
  pool gpu: gpu-0000 retires
at 8s
  a: 1: target ratio (serving 1, starting 1, draining 0)
  pool gpu: 1: target ratio
restart saved
run 4s every 2s
----
at 12s
  now route a on gpu/gpu-0001: replica loaded
restart
run 40s every 2s
----
at 14s
  a: 2: target ratio 2->1; first sight 1->2 (serving 2, starting 0, draining 0)
  b: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  pool gpu: 2: target ratio 2->1; first sight 1->2
at 16s
  a: 1: target ratio 2->1 (serving 2, starting 0, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now unroute a on gpu/gpu-0000: server retires
  pool gpu: 1: target ratio 2->1
  pool gpu: gpu-0000 retires
at 18s
  a: 1: target ratio (serving 1, starting 0, draining 1)
  later unload a on gpu/gpu-0000: waits for requests in flight
  pool gpu: 1: target ratio
at 36s
  now unload a on gpu/gpu-0000: drain timed out
at 38s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0000: server empty
  pool gpu: 0: target ratio 1->0
at 40s
  pool gpu: 0: target ratio
expect servers gpu 1
expect serving b 1
expect serving a 1
