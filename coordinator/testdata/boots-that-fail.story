# For a minute no server comes up that is ordered. The group keeps trying by itself,
# and the planner asks for it once.
group gpu slots=1 max=9 servers=1
model llama gpu slots=1 min=1 max=9
place gpu-0000 llama
arrive llama 4
inject failing-boots
always servers gpu 2
run 1m every 2s
----
at 2s
  llama: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
  now scale gpu to 2: no room
  later load llama on gpu: waits for a server that is ordered
at 4s
  llama: 2: within tolerance (serving 1, starting 1, draining 0)
  later load llama on gpu/gpu-0001: waits for the server to be up
at 12s
  later load llama on gpu/gpu-0002: waits for the server to be up
at 22s
  later load llama on gpu/gpu-0003: waits for the server to be up
at 32s
  later load llama on gpu/gpu-0004: waits for the server to be up
at 42s
  later load llama on gpu/gpu-0005: waits for the server to be up
at 52s
  later load llama on gpu/gpu-0006: waits for the server to be up
expect serving llama 1
inject none
run 30s every 2s
----
at 1m2s
  later load llama on gpu/gpu-0007: waits for the server to be up
at 1m12s
  now load llama on gpu/gpu-0007: replica short
at 1m14s
  later route llama on gpu/gpu-0007: waits for the load
at 1m16s
  now route llama on gpu/gpu-0007: replica loaded
at 1m18s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
expect serving llama 2
expect grown gpu 1
