# Three replicas are wanted and one server may be had: one serves, and why no
# more do is told. More servers may be had: the model grows at once.
group gpu slots=1 max=1 servers=1
model llama gpu slots=1 min=1 max=5
arrive llama 6
always serving llama 0
run 20s every 2s
----
at 2s
  llama: 3: target ratio 1->3 (serving 0, starting 1, draining 0)
  now load llama on gpu/gpu-0000: replica short
  refused in gpu: 2 of llama refused: one of each
at 4s
  llama: 3: target ratio (serving 0, starting 1, draining 0)
  later route llama on gpu/gpu-0000: waits for the load
at 6s
  now route llama on gpu/gpu-0000: replica loaded
at 8s
  llama: 3: target ratio (serving 1, starting 0, draining 0)
expect desired llama 3
expect serving llama 1
expect refused llama 2

update group gpu max=4
run 20s every 2s
----
at 22s
  now scale gpu to 3: no room
  later load llama on gpu: waits for a server that is ordered
  later load llama on gpu: waits for a server that is ordered
at 24s
  llama: 3: within tolerance (serving 1, starting 2, draining 0)
  later load llama on gpu/gpu-0001: waits for the server to be up
  later load llama on gpu/gpu-0002: waits for the server to be up
at 32s
  now load llama on gpu/gpu-0001: replica short
  now load llama on gpu/gpu-0002: replica short
at 34s
  later route llama on gpu/gpu-0001: waits for the load
  later route llama on gpu/gpu-0002: waits for the load
at 36s
  now route llama on gpu/gpu-0001: replica loaded
  now route llama on gpu/gpu-0002: replica loaded
at 38s
  llama: 3: within tolerance (serving 3, starting 0, draining 0)
expect serving llama 3
expect refused llama 0
expect servers gpu 3
finish llama 6
expect requests llama 6 late 0s
