# The highest server retires, on which a request runs that does not end. Nothing new is routed
# there once another copy serves; the request has the model's DrainTimeout from then
# on, as anywhere else. Then its copy is unloaded, and the server goes.
group gpu gib=2 pool=2 pool-track=2 max=2 servers=2 ordinal
model a gpu gib=1 min=1 max=1
model b gpu gib=1 min=1 max=1 drain=40s
place gpu-0000 a
place gpu-0001 b
arrive b 1
always serving a 1
always serving b 1
run 3m every 2s
----
at 2s
  a: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio (serving 1, starting 0, draining 0)
  pool gpu: 2: target ratio 2->1; first sight 1->2
at 4s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now load b on gpu/gpu-0000: replica short
  later unroute b on gpu/gpu-0001: waits for a replacement to serve
  pool gpu: 1: target ratio 2->1
  pool gpu: gpu-0001 retires
at 6s
  b: 1: target ratio (serving 1, starting 1, draining 0)
  later route b on gpu/gpu-0000: waits for the load
  pool gpu: 1: target ratio
at 8s
  now route b on gpu/gpu-0000: replica loaded
at 10s
  b: 1: target ratio (serving 2, starting 0, draining 0)
  now unroute b on gpu/gpu-0001: server retires
at 12s
  b: 1: target ratio (serving 1, starting 0, draining 1)
  later unload b on gpu/gpu-0001: waits for requests in flight
at 50s
  now unload b on gpu/gpu-0001: drain timed out
at 52s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1: server empty
  pool gpu: 0: target ratio 1->0
at 54s
  pool gpu: 0: target ratio
expect servers gpu 1
expect serving b 1
