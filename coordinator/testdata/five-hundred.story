# Load for two hundred replicas, and while these start, for five hundred: nothing
# is ordered twice, however often it is planned meanwhile.
group gpu slots=1 max=1000 servers=0 boot=1m
model llama gpu slots=1 min=0 max=1000 load=30s
arrive llama 400
always servers gpu 500
run 1m20s every 2s
----
at 2s
  llama: 200: target ratio 0->200 (serving 0, starting 0, draining 0)
  now scale gpu to 200: no room
  later load llama on gpu: waits for a server that is ordered (200 times)
at 4s
  llama: 200: target ratio (serving 0, starting 200, draining 0)
  later load llama on gpu/gpu-*: waits for the server to be up (200 times)
at 1m2s
  now load llama on gpu/gpu-*: replica short (200 times)
at 1m4s
  later route llama on gpu/gpu-*: waits for the load (200 times)
expect serving llama 0
arrive llama 600
run 3m every 2s
----
at 1m22s
  llama: 500: target ratio 200->500 (serving 0, starting 200, draining 0)
  now scale gpu to 500: no room
  later load llama on gpu: waits for a server that is ordered (300 times)
at 1m24s
  llama: 500: target ratio (serving 0, starting 500, draining 0)
  later load llama on gpu/gpu-*: waits for the server to be up (300 times)
at 1m32s
  now route llama on gpu/gpu-*: replica loaded (200 times)
at 1m34s
  llama: 500: within tolerance (serving 200, starting 300, draining 0)
at 2m22s
  now load llama on gpu/gpu-*: replica short (300 times)
at 2m24s
  later route llama on gpu/gpu-*: waits for the load (300 times)
at 2m52s
  now route llama on gpu/gpu-*: replica loaded (300 times)
at 2m54s
  llama: 500: within tolerance (serving 500, starting 0, draining 0)
expect serving llama 500
expect ordered gpu 500
expect loads llama 500
expect grown gpu 2
