# The only server is full of copies that nobody must have. A model that is wanted
# gets the room of the one that is missed least, never that of a last copy that is
# desired.
group gpu gib=3 pool=4 max=2 servers=2
model a gpu gib=1 min=1 max=1
model b gpu gib=1 min=1
model c gpu gib=1 min=1
model d gpu gib=1
place gpu-0000 a b c
place gpu-0001 b c
arrive b 3
arrive c 1
run 2m every 2s
----
at 2s
  a: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  b: 2: target ratio (serving 2, starting 0, draining 0)
  c: 2: target ratio 2->1; first sight 1->2 (serving 2, starting 0, draining 0)
  d: 0: target ratio (serving 0, starting 0, draining 0)
at 4s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  c: 1: target ratio 2->1 (serving 2, starting 0, draining 0, extra 1)
at 6s
  c: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
always serving b 1
always serving c 1
arrive d 1
run 20s every 2s
----
at 2m2s
  d: 1: target ratio 0->1 (serving 0, starting 0, draining 0)
  now load d on gpu/gpu-0001: replica short
at 2m4s
  d: 1: target ratio (serving 0, starting 1, draining 0)
  later route d on gpu/gpu-0001: waits for the load
at 2m6s
  now route d on gpu/gpu-0001: replica loaded
at 2m8s
  d: 1: target ratio (serving 1, starting 0, draining 0)
expect servers gpu 2
expect serving d 1
