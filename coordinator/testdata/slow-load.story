# A load that takes an hour instead of four seconds: after three times as long it
# does not count any more, and another one takes its place. When that serves,
# the slow one goes.
group gpu slots=1 max=3 servers=1
model llama gpu slots=1 replicas=1
inject slow-loads
run 4s every 2s
----
at 2s
  llama: 1: fixed count (serving 0, starting 1, draining 0)
  now load llama on gpu/gpu-0000: replica short
at 4s
  later route llama on gpu/gpu-0000: waits for the load
inject none
run 1m every 2s
----
at 16s
  now scale gpu to 2: no room
  later load llama on gpu: waits for a server that is ordered
at 18s
  later load llama on gpu/gpu-0001: waits for the server to be up
at 26s
  now load llama on gpu/gpu-0001: replica short
at 28s
  later route llama on gpu/gpu-0001: waits for the load
at 30s
  now route llama on gpu/gpu-0001: replica loaded
at 32s
  llama: 1: fixed count (serving 1, starting 0, draining 0)
  now unload llama on gpu/gpu-0000: replica spare
at 34s
  now scale gpu to 1 -gpu-0000: server empty
expect serving llama 1
expect servers gpu 1
expect loads llama 2
