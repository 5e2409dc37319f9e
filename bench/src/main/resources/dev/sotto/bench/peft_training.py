"""One configuration of `sotto bench training`, trained by Hugging Face PEFT.

    peft_training.py FOLDER ROWS TOKENS SECONDS THREADS cpu|cuda[:I] fp32|bf16 all|checkpointing

A base in bf16 has its adapter in fp32, which is PEFT's default. Prints lines of a word and a number: the
`loss` of every step, its seconds as `step`, those of processor time as `processor`, and at last the `peak` of memory
in bytes.
"""

import subprocess
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

folder, rows, tokens, seconds, threads, device, compute, kept = sys.argv[1:]
rows, tokens, seconds = int(rows), int(tokens), float(seconds)
torch.set_num_threads(int(threads))

model = AutoModelForCausalLM.from_pretrained(
    folder, dtype=torch.float32 if compute == "fp32" else torch.bfloat16, attn_implementation="sdpa"
).to(device)
model.config.use_cache = False
if kept == "checkpointing":
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=linears, task_type="CAUSAL_LM"))
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
optimiser = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01)
vocabulary = model.config.vocab_size
ids = torch.tensor([[(row * tokens + i) * 7919 % vocabulary for i in range(tokens)] for row in range(rows)], device=device)

measured = 0.0
step = 0
while step < 2 or measured < seconds:
    start, processor = time.monotonic(), time.process_time()
    optimiser.zero_grad()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimiser.step()
    print("loss", loss.item())
    took = time.monotonic() - start
    print("step", took)
    print("processor", time.process_time() - processor)
    measured += took if step > 0 else 0
    step += 1

if device.startswith("cuda"):
    used = subprocess.run(
        ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", (device + ":0").split(":")[1]],
        capture_output=True, text=True, check=True,
    )
    print("peak", int(used.stdout) * 2**20)
else:
    with open("/proc/self/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    print("peak", int(peak.split()[1]) * 1024)
