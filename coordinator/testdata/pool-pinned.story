# Memory that is overcommitted by half takes three models, but not what is pinned of
# them: two are all that can serve beside one another. The third gets a server.
group gpu mb=1000 memory=1000 overcommit=50% pool=2 max=3 servers=1
model a gpu mb=500 memory=500 pinned=400 min=1 max=1
model b gpu mb=500 memory=500 pinned=400 min=1 max=1
model c gpu mb=500 memory=500 pinned=400 min=1 max=1
run 1m every 2s
----
at 2s
  a: 1: target ratio 1->0; first sight 0->1 (serving 0, starting 1, draining 0)
  b: 1: target ratio 1->0; first sight 0->1 (serving 0, starting 1, draining 0)
  c: 1: target ratio 1->0; first sight 0->1 (serving 0, starting 1, draining 0)
  now scale gpu to 2: pool short
  now load a on gpu/gpu-0000: replica short
  later load b on gpu/gpu-0000: waits for another load on the server
  later load c on gpu: waits for a server that is ordered
at 4s
  a: 1: target ratio 1->0; below min 0->1 (serving 0, starting 1, draining 0)
  b: 1: target ratio 1->0; below min 0->1 (serving 0, starting 1, draining 0)
  c: 1: target ratio 1->0; below min 0->1 (serving 0, starting 1, draining 0)
  later load c on gpu/gpu-0001: waits for the server to be up
  later route a on gpu/gpu-0000: waits for the load
at 6s
  now load b on gpu/gpu-0000: replica short
  now route a on gpu/gpu-0000: replica loaded
at 8s
  a: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  later route b on gpu/gpu-0000: waits for the load
at 10s
  now route b on gpu/gpu-0000: replica loaded
at 12s
  b: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now load c on gpu/gpu-0001: replica short
at 14s
  later route c on gpu/gpu-0001: waits for the load
at 16s
  now route c on gpu/gpu-0001: replica loaded
at 18s
  c: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
expect servers gpu 2
