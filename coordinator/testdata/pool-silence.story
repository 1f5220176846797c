# Nothing is known of the load for a while: a pool keeps its servers, and no copy
# makes room.
group gpu gib=2 pool=2 pool-track=2 max=3 servers=2
model a gpu gib=1 min=1
model b gpu gib=1 min=1
place gpu-0000 a b
place gpu-0001 a b
arrive a 3
run 6s every 2s
----
at 2s
  a: 2: target ratio (serving 2, starting 0, draining 0)
  b: 2: target ratio 2->0; first sight 0->2 (serving 2, starting 0, draining 0)
  pool gpu: 2: target ratio
at 4s
  b: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0, extra 1)
at 6s
  b: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0, extra 1)
nothing shrinks
inject failed-metrics
finish a 3
run 1m every 5s
----
at 11s
  a: 2: signal not ok (serving 2, starting 0, draining 0)
  b: 1: signal not ok (serving 2, starting 0, draining 0, extra 1)
  pool gpu: 2: signal not ok
expect servers gpu 2
inject no-metrics
run 1m every 5s
----
expect servers gpu 2
anything goes
inject none
run 1m every 5s
----
at 2m11s
  a: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute a on gpu/gpu-0001: server retires
  now unroute b on gpu/gpu-0001: server retires
  pool gpu: 0: target ratio 2->0
  pool gpu: gpu-0001 retires
at 2m16s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload a on gpu/gpu-0001: drained
  now unload b on gpu/gpu-0001: drained
  pool gpu: 0: target ratio
at 2m21s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
expect servers gpu 1
