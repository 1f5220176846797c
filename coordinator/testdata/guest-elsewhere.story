# Two half empty servers become one. Just then a model that has no room there, and
# lives on another group meanwhile, wants less: that is a change where it lives, and
# nothing to wait for at home.
group gpu slots=2 max=2 servers=2 settle=20s
group spare slots=2 max=3 servers=3
model llama gpu slots=2 min=1 fallback=spare
model phi gpu slots=1 replicas=1
model whisper gpu slots=1 replicas=1
place gpu-0000 phi
place gpu-0001 whisper
place spare-0000 llama
place spare-0001 llama
arrive llama 4
run 20s every 2s
----
at 2s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
  phi: 1: fixed count (serving 1, starting 0, draining 0)
  whisper: 1: fixed count (serving 1, starting 0, draining 0)
at 4s
  now scale spare to 2 -spare-0002: server empty
finish llama 4
run 20s every 2s
----
at 22s
  llama: 1: target ratio 2->0; below min 0->1 (serving 2, starting 0, draining 0)
  now load whisper on gpu/gpu-0000: consolidating
  now unroute llama on spare/spare-0001: replica spare
at 24s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
  whisper: 1: fixed count (serving 1, starting 1, draining 0)
  now unload llama on spare/spare-0001: drained
  later route whisper on gpu/gpu-0000: waits for the load
  later unroute whisper on gpu/gpu-0001: waits for a replacement to serve
at 26s
  llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
  now route whisper on gpu/gpu-0000: replica loaded
  now scale spare to 1 -spare-0001: server empty
at 28s
  whisper: 1: fixed count (serving 2, starting 0, draining 0)
  now unroute whisper on gpu/gpu-0001: replica spare
at 30s
  whisper: 1: fixed count (serving 1, starting 0, draining 1)
  now unload whisper on gpu/gpu-0001: drained
at 32s
  whisper: 1: fixed count (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0001: server empty
