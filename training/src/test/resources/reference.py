"""Makes the folders *-tiny beside it: transformers and PEFT on tiny random decoders, fp32, one thread.

Used once, with torch 2.13, transformers 5.18 and peft 0.21; tests read the folders and need no Python. The layout is that of the
figures which ConformanceTest reads: base/, adapter/, adapter-after-adamw/ and reference.safetensors.
"""
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

PROMPT, ROWS, LENGTH, BETA = 16, 3, 26, 0.1
torch.set_num_threads(1)


def randomise(parameters, deviation):
    with torch.no_grad():
        for name, p in parameters:
            p.copy_(torch.randn_like(p) * deviation + ("norm" in name))


def make(out, seed, config, lora, shard="1GB"):
    torch.manual_seed(seed)
    os.makedirs(out)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    randomise(model.named_parameters(), 0.2)
    model.save_pretrained(f"{out}/base", max_shard_size=shard)
    ids = torch.randint(4, config.vocab_size, (ROWS, LENGTH))
    padded, mask, labels = ids[:2].clone(), torch.ones(2, LENGTH, dtype=torch.long), ids[:2].clone()
    padded[1, -9:], mask[1, -9:], labels[1, -9:] = 3, 0, -100
    labels[:, :5] = -100
    figures = {"input_ids": ids.int(), "padded_input_ids": padded.int(), "padded_labels": labels.int(),
               "padded_attention_mask": mask.int()}
    with torch.no_grad():
        made = model(input_ids=ids, labels=ids)
        figures |= {"logits": made.logits, "loss": made.loss.view(1)}
        figures["padded_loss"] = model(input_ids=padded, attention_mask=mask, labels=labels).loss.view(1)
        figures["greedy"] = model.generate(
            ids[:1, :PROMPT], max_new_tokens=24, do_sample=False, eos_token_id=None, pad_token_id=3)[0].int()

    adapted = get_peft_model(model, lora)
    trained = {n.replace(".default", ""): p for n, p in adapted.named_parameters() if p.requires_grad}
    randomise(trained.items(), 0.1)
    adapted.save_pretrained(f"{out}/adapter")

    def gradients(prefix, loss):
        loss.backward()
        for name, p in trained.items():
            figures[prefix + name] = p.grad.clone()
            p.grad = None

    made = adapted(input_ids=ids, labels=ids)
    figures |= {"lora_logits": made.logits.detach(), "lora_loss": made.loss.detach().view(1)}
    gradients("grad.", made.loss)

    chosen = torch.randint(4, config.vocab_size, (4, LENGTH))
    rejected = torch.cat([chosen[:, :PROMPT], torch.randint(4, config.vocab_size, (4, LENGTH - PROMPT))], 1)

    def response(rows):
        logits = adapted(input_ids=rows).logits.log_softmax(-1)[:, :-1]
        return logits.gather(2, rows[:, 1:, None])[..., 0][:, PROMPT - 1:].sum(1)

    with torch.no_grad(), adapted.disable_adapter():
        reference = response(chosen), response(rejected)
    policy = response(chosen), response(rejected)
    loss = -logsigmoid(BETA * ((policy[0] - policy[1]) - (reference[0] - reference[1]))).mean()
    figures |= {"dpo.chosen_input_ids": chosen.int(), "dpo.rejected_input_ids": rejected.int(),
                "dpo.policy_chosen_logps": policy[0].detach(), "dpo.policy_rejected_logps": policy[1].detach(),
                "dpo.reference_chosen_logps": reference[0], "dpo.reference_rejected_logps": reference[1],
                "dpo.loss": loss.detach().view(1)}
    gradients("dpo.grad.", loss)

    optimiser, losses = torch.optim.AdamW(trained.values(), lr=5e-3, weight_decay=0.0), []
    for _ in range(12):
        optimiser.zero_grad()
        loss = adapted(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    figures["adamw_losses"] = torch.tensor(losses)
    adapted.save_pretrained(f"{out}/adapter-after-adamw")
    save_file({n: t.contiguous().clone() for n, t in figures.items()}, f"{out}/reference.safetensors")


def config(kind, **other):
    return kind(vocab_size=64, hidden_size=24, intermediate_size=40, num_hidden_layers=2, max_position_embeddings=64,
                bos_token_id=1, eos_token_id=2, pad_token_id=3, **other)


def lora(r, modules, **other):
    return LoraConfig(r=r, lora_alpha=2 * r, target_modules=modules, task_type="CAUSAL_LM", **other)


here = sys.argv[1]
make(f"{here}/llama31-tiny", 1,
     config(LlamaConfig, num_attention_heads=4, num_key_value_heads=2, head_dim=8, tie_word_embeddings=True,
            rope_parameters={"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                             "original_max_position_embeddings": 16, "rope_theta": 10000.0}),
     lora(4, ["q_proj", "v_proj"]))
make(f"{here}/llama-linear-tiny", 2,
     config(LlamaConfig, num_attention_heads=6, num_key_value_heads=3, attention_bias=True, mlp_bias=True,
            tie_word_embeddings=False,
            rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 20000.0}),
     lora(2, "all-linear"), shard="20KB")
make(f"{here}/mistral-tiny", 3,
     config(MistralConfig, num_attention_heads=4, num_key_value_heads=1, head_dim=10, sliding_window=48,
            tie_word_embeddings=False),
     lora(3, r"model\.layers\.1\..*\.(down_proj|k_proj|o_proj)", use_rslora=True))
make(f"{here}/qwen2-tiny", 4,
     config(Qwen2Config, num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=False),
     lora(1, ["gate_proj", "mlp.up_proj"]))
make(f"{here}/qwen3-tiny", 5,
     config(Qwen3Config, num_attention_heads=4, num_key_value_heads=2, head_dim=12, tie_word_embeddings=True),
     lora(5, ["q_proj", "k_proj", "v_proj", "o_proj"]))
