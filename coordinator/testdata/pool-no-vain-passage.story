# A server holds two small models that are needed there, and a large one would have
# more use for it. That one of the small ones could move makes no room for it, so
# nothing moves: neither once, nor to and fro.
group gpu gib=4 pool=50 fixed servers=3
model a gpu gib=2 min=1 max=3 track=9
model b gpu gib=2 min=1 max=3 track=9
model c gpu gib=2 min=1 max=1 track=9
model large gpu gib=4 min=1 max=2 track=50
place gpu-0000 large
place gpu-0001 a b
place gpu-0002 c b
arrive large 40
arrive b 1
run 45s every 15s
----
at 15s
  a: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  b: 2: target ratio 2->1; first sight 1->2 (serving 2, starting 0, draining 0)
  c: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  large: 1: target ratio (serving 1, starting 0, draining 0)
at 30s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  b: 1: target ratio 2->1 (serving 2, starting 0, draining 0, extra 1)
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
at 45s
  b: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
nothing moves
run 10m every 15s
----
