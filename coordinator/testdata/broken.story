# A replica that died serves nothing; it is replaced beside its remains.
use one servers=2
arrive llama 1
tick 1s
----
llama: 1: target ratio (serving 0, starting 1, draining 0)
now load llama on gpu/gpu-0000: replica short
tick 4s
----
llama: 1: target ratio (serving 0, starting 1, draining 0)
now route llama on gpu/gpu-0000: replica loaded
now scale gpu to 1 -gpu-0001: server empty
tick 1s
----
llama: 1: target ratio (serving 1, starting 0, draining 0)
break gpu-0000 llama
tick 1s
----
llama: 1: target ratio (serving 0, starting 1, draining 0)
now unload llama on gpu/gpu-0000: replica broken
later load llama on gpu/gpu-0000: waits for room on the server
tick 4s
----
llama: 1: target ratio (serving 0, starting 1, draining 0)
now load llama on gpu/gpu-0000: replica short
tick 1s
----
llama: 1: target ratio (serving 0, starting 1, draining 0)
later route llama on gpu/gpu-0000: waits for the load, 3s at most
