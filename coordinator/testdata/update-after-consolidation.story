# Two half empty servers have just become one when a new version is declared. It
# needs room that is not there: a server is had for it at once. That is a new wish,
# and undoes nothing.
group gpu slots=2 max=3 servers=2 boot=4s settle=20s
model llama gpu slots=1 replicas=1 version=v1
model whisper gpu slots=1 replicas=1
place gpu-0000 llama
place gpu-0001 whisper
run 38s every 2s
----
at 2s
  llama: 1: fixed count (serving 1, starting 0, draining 0)
  whisper: 1: fixed count (serving 1, starting 0, draining 0)
at 22s
  now load whisper on gpu/gpu-0000: consolidating
at 24s
  whisper: 1: fixed count (serving 1, starting 1, draining 0)
  later route whisper on gpu/gpu-0000: waits for the load
  later unroute whisper on gpu/gpu-0001: waits for a replacement to serve
at 26s
  now route whisper on gpu/gpu-0000: replica loaded
at 28s
  whisper: 1: fixed count (serving 2, starting 0, draining 0)
  now unroute whisper on gpu/gpu-0001: replica spare
at 30s
  whisper: 1: fixed count (serving 1, starting 0, draining 1)
  now unload whisper on gpu/gpu-0001: drained
at 32s
  whisper: 1: fixed count (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
expect servers gpu 1

update model llama version=v2
run 4s every 2s
----
at 40s
  now scale gpu to 2: no room
  later unroute llama@v1 on gpu/gpu-0000: waits for a replacement to serve
  later load llama@v2 on gpu: waits for a server that is ordered
at 42s
  later load llama@v2 on gpu/gpu-0002: waits for the server to be up
expect ordered gpu 3
