# The load has fallen, two servers would do. One retires: it serves until what is
# desired of what it holds serves elsewhere; then it is drained and goes.
group gpu gib=2 pool=2 pool-track=2 max=3 servers=3
model a gpu gib=1 min=1
model b gpu gib=1 min=1
model c gpu gib=1 min=1
place gpu-0000 a b
place gpu-0001 a
place gpu-0002 c
arrive a 3
arrive b 1
always serving a 1
always serving b 1
always serving c 1
run 1m every 2s
----
at 2s
  a: 2: target ratio (serving 2, starting 0, draining 0)
  b: 1: target ratio (serving 1, starting 0, draining 0)
  c: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  pool gpu: 3: target ratio 3->2; first sight 2->3
at 4s
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now load c on gpu/gpu-0001: replica short
  later unroute c on gpu/gpu-0002: waits for a replacement to serve
  pool gpu: 2: target ratio 3->2
  pool gpu: gpu-0002 retires
at 6s
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0)
  later route c on gpu/gpu-0001: waits for the load
  pool gpu: 2: within tolerance
at 8s
  now route c on gpu/gpu-0001: replica loaded
at 10s
  c: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute c on gpu/gpu-0002: server retires
at 12s
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload c on gpu/gpu-0002: drained
at 14s
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now scale gpu to 2 -gpu-0002: server empty
expect servers gpu 2
expect serving c 1
nothing moves
run 10m every 10s
----
