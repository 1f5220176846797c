# Requests of a wait where y takes all slots, so it gets a copy on the server with
# free ones. By itself one of x would add more there; but a would be back where y is,
# so that it adds nothing to the whole: nothing moves, neither once nor to and fro.
group gpu gib=6 pool=10 fixed servers=3
model a gpu gib=3 min=1 max=3 track=99
model k gpu gib=3 min=1 max=1 track=99
model x gpu gib=1 min=1 max=2 track=99
model y gpu gib=3 min=1 max=1 track=99
model z gpu gib=5 min=1 max=1 track=99
place gpu-0000 a y
place gpu-0001 k
place gpu-0002 x z
arrive a 3
arrive y 20
arrive x 10
run 45s every 15s
----
at 15s
  a: 1: target ratio (serving 1, starting 0, draining 0, extra 1)
  k: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  x: 1: target ratio (serving 1, starting 0, draining 0)
  y: 1: target ratio (serving 1, starting 0, draining 0)
  z: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  now load a on gpu/gpu-0001: relieves
at 30s
  a: 1: target ratio (serving 1, starting 1, draining 0, extra 1)
  k: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  z: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now route a on gpu/gpu-0001: replica loaded
at 45s
  a: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
expect serving a 2
expect on gpu-0001 a k
nothing moves
run 10m every 15s
----
