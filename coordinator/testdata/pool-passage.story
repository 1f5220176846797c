# A server holds two models that are needed there, and a large one would have more
# use for it. One of them moves to where another copy is missed little, so that the
# large one finds room: loaded there first, then stopped here. Then nothing moves.
group gpu gib=5 pool=50 fixed servers=3
model a gpu gib=2 min=1 max=3 track=9
model b gpu gib=2 min=1 max=3 track=9
model c gpu gib=3 min=1 max=1 track=9
model d gpu gib=2 min=1 max=1 track=9
model large gpu gib=3 min=1 max=2 track=50
place gpu-0000 large d
place gpu-0001 a b
place gpu-0002 c b
arrive large 40
arrive b 1
always serving a 1
always serving b 1
run 3m every 15s
----
at 15s
  a: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  b: 2: target ratio 2->1; first sight 1->2 (serving 2, starting 0, draining 0)
  c: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  d: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  large: 1: target ratio (serving 1, starting 0, draining 0)
at 30s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 2->1 (serving 2, starting 0, draining 0)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  d: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now unroute b on gpu/gpu-0002: room wanted
at 45s
  b: 1: target ratio (serving 1, starting 0, draining 1)
  now unload b on gpu/gpu-0002: drained
at 1m0s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0, extra 1)
  b: 1: target ratio (serving 1, starting 0, draining 0)
  now load a on gpu/gpu-0002: makes way
at 1m15s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 1, draining 0, extra 1)
  now route a on gpu/gpu-0002: replica loaded
at 1m30s
  a: 1: target ratio 1->0; below min 0->1 (serving 2, starting 0, draining 0)
  now unroute a on gpu/gpu-0001: room wanted
at 1m45s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  now unload a on gpu/gpu-0001: drained
at 2m0s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  large: 1: target ratio (serving 1, starting 0, draining 0, extra 1)
  now load large on gpu/gpu-0001: fills room
at 2m15s
  large: 1: target ratio (serving 1, starting 1, draining 0, extra 1)
  now route large on gpu/gpu-0001: replica loaded
at 2m30s
  large: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
expect serving large 2
expect on gpu-0001 b large
expect on gpu-0002 a c
nothing moves
run 10m every 15s
----
