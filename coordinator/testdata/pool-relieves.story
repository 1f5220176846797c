# All requests of a wait on the one server that has it, and the other has free slots:
# a copy is loaded there, though one is all that is desired.
group gpu gib=2 pool=2 fixed servers=2
model a gpu gib=1 min=1 track=9
model b gpu gib=2 min=1 max=1
place gpu-0000 b
place gpu-0001 a
arrive a 4
run 20s every 2s
----
at 2s
  a: 1: target ratio (serving 1, starting 0, draining 0)
  b: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
at 4s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
expect serving a 1
update group gpu gib=3
run 20s every 2s
----
at 22s
  a: 1: target ratio (serving 1, starting 0, draining 0, extra 1)
  now load a on gpu/gpu-0000: relieves
at 24s
  a: 1: target ratio (serving 1, starting 1, draining 0, extra 1)
  later route a on gpu/gpu-0000: waits for the load
at 26s
  now route a on gpu/gpu-0000: replica loaded
at 28s
  a: 1: target ratio (serving 2, starting 0, draining 0, extra 1)
expect serving a 2
expect desired a 1
