# A model is no longer declared while load for more of it comes in: nothing is
# done for it, and nothing to it. Its server stays, because of what it holds.
group gpu slots=1 max=9 servers=2
model llama gpu slots=1 min=1 max=9
model whisper gpu slots=1 replicas=1
place gpu-0000 llama
place gpu-0001 whisper
run 2s every 2s
----
at 2s
  llama: 1: target ratio 1->0; first sight 0->1 (serving 1, starting 0, draining 0)
  whisper: 1: fixed count (serving 1, starting 0, draining 0)
drop llama
arrive llama 20
nothing moves
run 10m every 10s
----
expect on gpu-0000 llama
expect replicas llama 1
