# Three models of 334 MB on one server of 1000 MB that is overcommitted by a
# tenth: all three are placed there and answer, one of them after a reload.
group gpu mb=1000 max=1 servers=1 memory=1000 overcommit=10%
model a gpu mb=334 memory=334 replicas=1 reload=1s
model b gpu mb=334 memory=334 replicas=1 reload=1s
model c gpu mb=334 memory=334 replicas=1 reload=1s
run 10s every 2s
----
at 2s
  a: 1: fixed count (serving 0, starting 1, draining 0)
  b: 1: fixed count (serving 0, starting 1, draining 0)
  c: 1: fixed count (serving 0, starting 1, draining 0)
  now load a on gpu/gpu-0000: replica short
  now load b on gpu/gpu-0000: replica short
  now load c on gpu/gpu-0000: replica short
at 4s
  later route a on gpu/gpu-0000: waits for the load
  later route b on gpu/gpu-0000: waits for the load
  later route c on gpu/gpu-0000: waits for the load
at 6s
  now route a on gpu/gpu-0000: replica loaded
  now route b on gpu/gpu-0000: replica loaded
  now route c on gpu/gpu-0000: replica loaded
at 8s
  a: 1: fixed count (serving 1, starting 0, draining 0)
  b: 1: fixed count (serving 1, starting 0, draining 0)
  c: 1: fixed count (serving 1, starting 0, draining 0)
expect on gpu-0000 a b c
arrive a 1
arrive b 1
finish b 1
away 1s
finish a 1
arrive c 1
away 1s
finish c 1
expect requests a 1 late 0s
expect requests b 1 late 0s
expect requests c 1 late 0s
