# Two models of 800 share a memory of 1000 that is overcommitted by as much: each
# request evicts the other. After three reloads within 30 s both are resident: a
# server is had for one of them, and none is loaded again.
group gpu mb=1000 memory=1000 overcommit=100% pool=2 max=3 servers=1
model a gpu mb=800 memory=800 min=1 max=1 reload=1s load=100ms
model b gpu mb=800 memory=800 min=1 max=1 reload=1s load=100ms
place gpu-0000 a b
traffic a 1 per 4s
traffic b 1 per 4s
always serving a 1
always serving b 1
run 12s every 2s
----
at 2s
  a: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
at 4s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
at 6s
  b: 1: target ratio (serving 1, starting 0, draining 0)
at 8s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
at 10s
  b: 1: target ratio (serving 1, starting 0, draining 0)
at 12s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
restart saved
run 8s every 2s
----
at 14s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, extra 1, resident)
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  now scale gpu to 2: pool short
  later load a on gpu: waits for a server that is ordered
at 16s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  later load a on gpu/gpu-0001: waits for the server to be up
at 18s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 20s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
restart saved
run 100s every 2s
----
at 22s
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
at 24s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  now load a on gpu/gpu-0001: separates
at 26s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0, extra 1, resident)
  b: 1: target ratio (serving 1, starting 0, draining 0, resident)
  now route a on gpu/gpu-0001: replica loaded
at 28s
  a: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0, resident)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
  now unroute a on gpu/gpu-0000: room wanted
at 30s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1, resident)
  now unload a on gpu/gpu-0000: drained
at 32s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, resident)
expect servers gpu 2
nothing moves
run 10m every 2s
----
anything goes
traffic a none
traffic b none
run 2m every 2s
----
at 12m28s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now load a on gpu/gpu-0000: replica short
  later unroute a on gpu/gpu-0001: waits for a replacement to serve
  pool gpu: gpu-0001 retires
at 12m30s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0)
  now route a on gpu/gpu-0000: replica loaded
at 12m32s
  a: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute a on gpu/gpu-0001: server retires
at 12m34s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload a on gpu/gpu-0001: drained
at 12m36s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
expect servers gpu 1
expect serving a 1
expect serving b 1
