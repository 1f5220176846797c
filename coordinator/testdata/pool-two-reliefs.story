# Requests of a and of x wait where y takes all slots. That of a gets a copy first
# where there is room; one of x is worth more there and makes it go. The room that
# is made for x is not given to a again: then nothing moves.
group gpu gib=6 pool=10 fixed servers=2
model a gpu gib=3 min=1 max=3 track=99
model k gpu gib=3 min=1 max=1 track=99
model x gpu gib=1 min=1 max=2 track=99
model y gpu gib=2 min=1 max=1 track=99
place gpu-0000 a x y
place gpu-0001 k
arrive a 6
arrive x 6
arrive y 20
run 3m every 15s
----
at 15s
  a: 1: target ratio (serving 1, starting 0, draining 0, extra 1)
  k: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  x: 1: target ratio (serving 1, starting 0, draining 0)
  y: 1: target ratio (serving 1, starting 0, draining 0)
  now load a on gpu/gpu-0001: relieves
at 30s
  a: 1: target ratio (serving 1, starting 1, draining 0, extra 1)
  k: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now route a on gpu/gpu-0001: replica loaded
at 45s
  a: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
at 1m0s
  a: 1: target ratio (serving 2, starting 0, draining 0)
  now unroute a on gpu/gpu-0001: room wanted
at 1m15s
  a: 1: target ratio (serving 1, starting 0, draining 1)
  now unload a on gpu/gpu-0001: drained
at 1m30s
  a: 1: target ratio (serving 1, starting 0, draining 0)
  x: 1: target ratio (serving 1, starting 0, draining 0, extra 1)
  now load x on gpu/gpu-0001: fills room
at 1m45s
  x: 1: target ratio (serving 1, starting 1, draining 0, extra 1)
  now route x on gpu/gpu-0001: replica loaded
at 2m0s
  x: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
expect on gpu-0001 k x
nothing moves
run 10m every 15s
----
