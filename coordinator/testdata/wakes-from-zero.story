# A model with no replica anywhere, and no server: the load is measured where
# requests enter, so that the first one wakes it, and is answered.
group gpu slots=1 max=2 servers=0
model llama gpu slots=1 min=0 max=2
nothing moves
run 1m every 2s
----
at 2s
  llama: 0: target ratio (serving 0, starting 0, draining 0)
expect servers gpu 0

anything goes
arrive llama 1
run 20s every 2s
----
at 1m2s
  llama: 1: target ratio 0->1 (serving 0, starting 0, draining 0)
  now scale gpu to 1: no room
  later load llama on gpu: waits for a server that is ordered
at 1m4s
  llama: 1: target ratio (serving 0, starting 1, draining 0)
  later load llama on gpu/gpu-0000: waits for the server to be up
at 1m12s
  now load llama on gpu/gpu-0000: replica short
at 1m14s
  later route llama on gpu/gpu-0000: waits for the load
at 1m16s
  now route llama on gpu/gpu-0000: replica loaded
at 1m18s
  llama: 1: target ratio (serving 1, starting 0, draining 0)
expect serving llama 1
expect ordered gpu 1
finish llama 1
expect requests llama 1 late 0s
