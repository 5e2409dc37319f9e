class Decoder(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  def embed(self: __torch__.Decoder, tokens: Tensor, w: Dict[str, Tensor]) -> Tensor:
    return torch.embedding(w["model.embed_tokens.weight"], tokens).float()

  def norm(self: __torch__.Decoder, x: Tensor, gain: Tensor, w: Dict[str, Tensor]) -> Tensor:
    y = torch.rms_norm(x.to(gain.dtype), [gain.size(0)], gain, float(w["epsilon"]))
    return y.to(w["compute"].dtype)

  def linear(self: __torch__.Decoder, x: Tensor, w: Dict[str, Tensor], name: str) -> Tensor:
    y = torch.linear(x, w[name + ".weight"])
    if name + ".bias" in w:
      y = y + w[name + ".bias"]
    if name + ".lora_A" in w:
      h = x
      if "dropout" in w:
        h = torch.dropout(h, float(w["dropout"]), True)
      h = torch.linear(h, w[name + ".lora_A"].to(x.dtype)) * float(w["scale"])
      y = y + torch.linear(h, w[name + ".lora_B"].to(x.dtype))
    return y

  def heads(self: __torch__.Decoder, x: Tensor, size: int) -> Tensor:
    return x.view([x.size(0), x.size(1), -1, size]).transpose(1, 2)

  def rotate(self: __torch__.Decoder, x: Tensor, rope: Tensor) -> Tensor:
    a, b = torch.chunk(x, 2, -1)
    return x * rope[0] + torch.cat([-b, a], -1) * rope[1]

  def layer(self: __torch__.Decoder, x: Tensor, rope: Tensor, w: Dict[str, Tensor]) -> Tensor:
    size = rope.size(-1)
    h = self.norm(x, w["input_layernorm.weight"], w)
    q = self.heads(self.linear(h, w, "self_attn.q_proj"), size)
    k = self.heads(self.linear(h, w, "self_attn.k_proj"), size)
    v = self.heads(self.linear(h, w, "self_attn.v_proj"), size)
    if "self_attn.q_norm.weight" in w:
      q = self.norm(q, w["self_attn.q_norm.weight"], w)
      k = self.norm(k, w["self_attn.k_norm.weight"], w)
    q = self.rotate(q, rope)
    k = self.rotate(k, rope)
    groups = q.size(1) // k.size(1)
    if groups > 1:
      k = torch.repeat_interleave(k, groups, 1)
      v = torch.repeat_interleave(v, groups, 1)
    o = torch.scaled_dot_product_attention(q, k, v, None, 0., True)
    o = o.transpose(1, 2).reshape([x.size(0), x.size(1), -1])
    x = x + self.linear(o, w, "self_attn.o_proj")
    h = self.norm(x, w["post_attention_layernorm.weight"], w)
    h = torch.silu(self.linear(h, w, "mlp.gate_proj")) * self.linear(h, w, "mlp.up_proj")
    return x + self.linear(h, w, "mlp.down_proj")

  def select(self: __torch__.Decoder, x: Tensor, rows: Tensor) -> Tensor:
    return x.reshape([-1, x.size(-1)]).index_select(0, rows)

  def scatter(self: __torch__.Decoder, g: Tensor, rows: Tensor, like: Tensor) -> Tensor:
    return torch.zeros_like(like).reshape([-1, like.size(-1)]).index_copy(0, rows, g).reshape(like.size())

  def logits(self: __torch__.Decoder, x: Tensor, w: Dict[str, Tensor]) -> Tensor:
    head = w["model.embed_tokens.weight"]
    if "lm_head.weight" in w:
      head = w["lm_head.weight"]
    return torch.linear(self.norm(x, w["model.norm.weight"], w), head).float()

  def log_probabilities(self: __torch__.Decoder, x: Tensor, targets: Tensor, w: Dict[str, Tensor]) -> Tensor:
    return -torch.cross_entropy_loss(self.logits(x, w), targets, None, 0, -100, 0.)

  def score(self: __torch__.Decoder, x: Tensor, targets: Tensor, w: Dict[str, Tensor]) -> List[Tensor]:
    y = self.logits(x, w)
    return [-torch.cross_entropy_loss(y, targets, None, 0, -100, 0.), torch.eq(torch.argmax(y, -1), targets)]
