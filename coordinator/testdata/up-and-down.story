# Nothing runs. The minimum needs a server, the server boots, the model loads,
# and only then gets requests.
use one servers=0
tick 2s
----
llama: 1: target ratio 1->0; first sight 0->1 (serving 0, starting 1, draining 0)
now scale gpu to 1: no room
later load llama on gpu: waits for a server that is ordered
tick 2s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 0, starting 1, draining 0)
later load llama on gpu/gpu-0000: waits for the server to be up, 8s at most
tick 8s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 0, starting 1, draining 0)
now load llama on gpu/gpu-0000: replica short
tick 2s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 0, starting 1, draining 0)
later route llama on gpu/gpu-0000: waits for the load, 2s at most
tick 2s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 0, starting 1, draining 0)
now route llama on gpu/gpu-0000: replica loaded
tick 1s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)

# Load for two replicas: a second server is ordered at once, nothing twice.
arrive llama 4
tick 1s
----
llama: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
now scale gpu to 2: no room
later load llama on gpu: waits for a server that is ordered
tick 2s
----
llama: 2: within tolerance (serving 1, starting 1, draining 0)
later load llama on gpu/gpu-0001: waits for the server to be up, 8s at most
tick 8s
----
llama: 2: within tolerance (serving 1, starting 1, draining 0)
now load llama on gpu/gpu-0001: replica short
tick 4s
----
llama: 2: within tolerance (serving 1, starting 1, draining 0)
now route llama on gpu/gpu-0001: replica loaded

# The load goes. One replica is unrouted, drains, is unloaded; its server goes.
finish llama 3
tick 1s
----
llama: 1: target ratio 2->1 (serving 2, starting 0, draining 0)
now unroute llama on gpu/gpu-0001: replica spare
tick 1s
----
llama: 1: target ratio (serving 1, starting 0, draining 1)
now unload llama on gpu/gpu-0001: drained
finish llama 1
tick 1s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
now scale gpu to 1 -gpu-0001: server empty
tick 1s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
tick 1s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
