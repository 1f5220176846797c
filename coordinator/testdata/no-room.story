# Two servers, and no more allowed. llama and whisper do not fit beside each
# other: the fourth replica is refused, with the reason.
use two servers=2
arrive llama 2
arrive whisper 2
tick 1s
----
llama: 1: target ratio 0->1 (serving 0, starting 0, draining 0)
whisper: 1: target ratio 0->1 (serving 0, starting 0, draining 0)
now load llama on gpu/gpu-0000: replica short
now load whisper on gpu/gpu-0001: replica short
tick 4s
----
llama: 1: target ratio (serving 0, starting 1, draining 0)
whisper: 1: target ratio (serving 0, starting 1, draining 0)
now route llama on gpu/gpu-0000: replica loaded
now route whisper on gpu/gpu-0001: replica loaded
tick 1s
----
llama: 1: within tolerance (serving 1, starting 0, draining 0)
whisper: 1: within tolerance (serving 1, starting 0, draining 0)
arrive llama 2
tick 1s
----
llama: 2: target ratio 1->2 (serving 1, starting 0, draining 0)
whisper: 1: within tolerance (serving 1, starting 0, draining 0)
refused in gpu: 1 of llama refused: capacity (gpu-0001 lacks 10 of gib)

# whisper goes: its room is not free before it has drained and is unloaded.
finish whisper 2
tick 1s
----
llama: 2: target ratio (serving 1, starting 0, draining 0)
whisper: 0: target ratio 1->0 (serving 1, starting 0, draining 0)
now unroute whisper on gpu/gpu-0001: replica spare
later load llama on gpu/gpu-0001: waits for room on the server
tick 1s
----
llama: 2: within tolerance (serving 1, starting 1, draining 0)
whisper: 0: target ratio (serving 0, starting 0, draining 1)
now unload whisper on gpu/gpu-0001: drained
later load llama on gpu/gpu-0001: waits for room on the server
tick 1s
----
llama: 2: within tolerance (serving 1, starting 1, draining 0)
whisper: 0: target ratio (serving 0, starting 0, draining 0)
now load llama on gpu/gpu-0001: replica short
