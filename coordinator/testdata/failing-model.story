# A model fails to load wherever it is tried. Two servers are tried, no third one is
# had for it, and the waits between tries grow. What else is there goes on.
group gpu slots=2 max=4 servers=1
model llama gpu slots=1 min=0 max=1
model whisper gpu slots=1 replicas=1
place gpu-0000 whisper
arrive llama 1
inject failing-loads
always serving whisper 1
always servers gpu 2
run 10m every 2s
----
at 2s
  llama: 1: target ratio 0->1 (serving 0, starting 0, draining 0)
  whisper: 1: fixed count (serving 1, starting 0, draining 0)
  now load llama on gpu/gpu-0000: replica short
at 4s
  llama: 1: target ratio (serving 0, starting 1, draining 0)
  later route llama on gpu/gpu-0000: waits for the load
at 6s
  now unload llama on gpu/gpu-0000: replica broken
  later load llama on gpu/gpu-0000: waits for room on the server
at 8s
  now load llama on gpu/gpu-0000: replica short
at 10s
  later route llama on gpu/gpu-0000: waits for the load
at 12s
  now scale gpu to 2: no room
  now unload llama on gpu/gpu-0000: replica broken
  later load llama on gpu: waits for a server that is ordered
at 14s
  later load llama on gpu/gpu-0001: waits for the server to be up
at 22s
  now load llama on gpu/gpu-0001: replica short
at 24s
  later route llama on gpu/gpu-0001: waits for the load
at 26s
  now unload llama on gpu/gpu-0001: replica broken
  later load llama on gpu/gpu-0000: waits after failed loads
at 28s
  now load llama on gpu/gpu-0001: replica short
at 30s
  later route llama on gpu/gpu-0001: waits for the load
at 32s
  now unload llama on gpu/gpu-0001: replica broken
  later load llama on gpu/gpu-0000: waits after failed loads
at 34s
  now scale gpu to 1 -gpu-0001: server empty
at 42s
  now load llama on gpu/gpu-0000: replica short
at 44s
  later route llama on gpu/gpu-0000: waits for the load
at 46s
  now unload llama on gpu/gpu-0000: replica broken
  later load llama on gpu/gpu-0000: waits after failed loads
at 2m16s
  now load llama on gpu/gpu-0000: replica short
at 2m18s
  later route llama on gpu/gpu-0000: waits for the load
at 2m20s
  now unload llama on gpu/gpu-0000: replica broken
  later load llama on gpu/gpu-0000: waits after failed loads
at 5m50s
  now load llama on gpu/gpu-0000: replica short
at 5m52s
  later route llama on gpu/gpu-0000: waits for the load
at 5m54s
  now unload llama on gpu/gpu-0000: replica broken
  later load llama on gpu/gpu-0000: waits after failed loads
expect serving llama 0
expect ordered gpu 2
