# A node drain takes gpu-0000 away. Its replica keeps serving until another one
# does.
use one servers=1
tick 1s
----
llama: 1: target ratio 1->0; first sight 0->1 (serving 0, starting 1, draining 0)
now load llama on gpu/gpu-0000: replica short
tick 4s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 0, starting 1, draining 0)
now route llama on gpu/gpu-0000: replica loaded
tick 1s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
arrive llama 2
tick 1s
----
llama: 1: within tolerance (serving 1, starting 0, draining 0)
leave gpu-0000
tick 1s
----
llama: 1: within tolerance (serving 1, starting 0, draining 0)
later unroute llama on gpu/gpu-0000: waits for a replacement to serve
later load llama on gpu/gpu-0001: waits for the server to be up, 10s at most
tick 10s
----
llama: 1: within tolerance (serving 1, starting 0, draining 0)
now load llama on gpu/gpu-0001: replica short
later unroute llama on gpu/gpu-0000: waits for a replacement to serve
tick 4s
----
llama: 1: within tolerance (serving 1, starting 1, draining 0)
now route llama on gpu/gpu-0001: replica loaded
later unroute llama on gpu/gpu-0000: waits for a replacement to serve
tick 1s
----
llama: 1: within tolerance (serving 2, starting 0, draining 0)
now unroute llama on gpu/gpu-0000: server leaving
finish llama 2
tick 1s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 1)
now unload llama on gpu/gpu-0000: drained
gone gpu-0000
tick 1s
----
llama: 1: target ratio 1->0; below min 0->1 (serving 1, starting 0, draining 0)
