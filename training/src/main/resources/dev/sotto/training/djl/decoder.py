class Decoder(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  def bf16(self: __torch__.Decoder, x: Tensor) -> Tensor:
    return x.to(15)

  def bits_as_bf16(self: __torch__.Decoder, x: Tensor) -> Tensor:
    return torch.view_copy(x, dtype=15)

  def locked(self: __torch__.Decoder, x: Tensor) -> Tensor:
    return torch.empty(x.size(), dtype=6, device=torch.device("cpu"), pin_memory=True)

  def copy(self: __torch__.Decoder, x: Tensor, y: Tensor) -> Tensor:
    return x.copy_(y)

  def widen(self: __torch__.Decoder, x: Tensor) -> Tensor:
    return x.float()

  def int8(self: __torch__.Decoder, x: Tensor) -> List[Tensor]:
    y = x.float()
    scale = torch.clamp(y.abs().amax([1], True) / 127., 1e-30)
    return [torch.round(y / scale).to(1), scale]

  def nf4(self: __torch__.Decoder, x: Tensor, table: Tensor) -> List[Tensor]:
    blocks = x.float().reshape([-1, 64])
    absmax = blocks.abs().amax([1])
    scaled = blocks / torch.clamp(absmax, 1e-30).unsqueeze(1)
    codes = torch.bucketize(scaled, (table[1:] + table[:-1]) / 2., out_int32=True).to(0).view([-1, 2])
    mean = absmax.mean()
    rest = torch.constant_pad_nd(absmax - mean, [0, -absmax.size(0) % 256], 0).view([-1, 256])
    scale = torch.clamp(rest.abs().amax([1], True) / 127., 1e-30)
    return [codes[:, 0] * 16 + codes[:, 1], torch.round(rest / scale).to(1), scale, mean]

  def embed(self: __torch__.Decoder, tokens: Tensor, w: Dict[str, Tensor]) -> Tensor:
    return torch.embedding(w["model.embed_tokens.weight"], tokens).float()

  def norm(self: __torch__.Decoder, x: Tensor, gain: Tensor, w: Dict[str, Tensor]) -> Tensor:
    x = x.to(gain.dtype)
    if x.is_cuda:
      y = torch.rms_norm(x, [gain.size(0)], gain, float(w["epsilon"]))
    else:
      size = torch.linalg_vector_norm(x, 2, [-1], True)
      y = torch.mul_(x * torch.rsqrt(size * size / gain.size(0) + float(w["epsilon"])), gain)
    return y.to(w["compute"].dtype)

  def weight(self: __torch__.Decoder, w: Dict[str, Tensor], name: str, columns: int) -> Tensor:
    if name + ".weight" in w:
      y = w[name + ".weight"]
    elif name + ".int8" in w:
      y = w[name + ".int8"].to(w["compute"].dtype) * w[name + ".scale"]
    else:
      second = w[name + ".absmax"].float() * w[name + ".absmax_scale"]
      absmax = second.flatten() + w[name + ".absmax_mean"]
      blocks = torch.embedding(w["nf4"], w[name + ".nf4"].int()).view([-1, 64])
      y = (blocks * absmax[:blocks.size(0)].unsqueeze(1)).to(w["compute"].dtype).view([-1, columns])
    return y

  def linear(self: __torch__.Decoder, x: Tensor, w: Dict[str, Tensor], name: str) -> Tensor:
    bias = annotate(Optional[Tensor], None)
    if name + ".bias" in w:
      bias = w[name + ".bias"]
    y = torch.linear(x, self.weight(w, name, x.size(-1)), bias)
    if name + ".lora_A" in w:
      h = x
      if "dropout" in w:
        h = torch.dropout(h, float(w["dropout"]), True)
      h = torch.linear(h, w[name + ".lora_A"])
      y = y.addmm_(h, w[name + ".lora_B"].t(), beta=1, alpha=float(w["scale"]))
    return y

  def rows(self: __torch__.Decoder, x: Tensor) -> Tensor:
    return x.reshape([-1, x.size(-1)])

  def heads(self: __torch__.Decoder, x: Tensor, like: Tensor, size: int) -> Tensor:
    return x.view([like.size(0), like.size(1), -1, size]).transpose(1, 2)

  def rotate(self: __torch__.Decoder, x: Tensor, rope: Tensor) -> Tensor:
    a, b = torch.chunk(x, 2, -1)
    return torch.addcmul_(x * rope[0], torch.cat([-b, a], -1), rope[1])

  def project(self: __torch__.Decoder, x: Tensor, rope: Tensor, w: Dict[str, Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
    size = rope.size(-1)
    h = self.rows(self.norm(x, w["input_layernorm.weight"], w))
    q = self.heads(self.linear(h, w, "self_attn.q_proj"), x, size)
    k = self.heads(self.linear(h, w, "self_attn.k_proj"), x, size)
    v = self.heads(self.linear(h, w, "self_attn.v_proj"), x, size)
    if "self_attn.q_norm.weight" in w:
      q = self.norm(q, w["self_attn.q_norm.weight"], w)
      k = self.norm(k, w["self_attn.k_norm.weight"], w)
    return (self.rotate(q, rope), self.rotate(k, rope), v)

  def repeat(self: __torch__.Decoder, x: Tensor, groups: int) -> Tensor:
    if groups > 1:
      x = torch.repeat_interleave(x, groups, 1)
    return x

  def close(self: __torch__.Decoder, x: Tensor, o: Tensor, w: Dict[str, Tensor]) -> Tensor:
    o = o.transpose(1, 2).reshape([x.size(0) * x.size(1), -1])
    x = x + self.linear(o, w, "self_attn.o_proj").view(x.size())
    h = self.rows(self.norm(x, w["post_attention_layernorm.weight"], w))
    h = torch.silu(self.linear(h, w, "mlp.gate_proj")) * self.linear(h, w, "mlp.up_proj")
    return x + self.linear(h, w, "mlp.down_proj").view(x.size())

  def layer(self: __torch__.Decoder, x: Tensor, rope: Tensor, w: Dict[str, Tensor]) -> Tensor:
    q, k, v = self.project(x, rope, w)
    groups = q.size(1) // k.size(1)
    k = self.repeat(k, groups)
    v = self.repeat(v, groups)
    if "mask" in w:
      o = torch.scaled_dot_product_attention(q, k, v, w["mask"], 0., False)
    else:
      o = torch.scaled_dot_product_attention(q, k, v, None, 0., True)
    return self.close(x, o, w)

  def step(self: __torch__.Decoder, x: Tensor, rope: Tensor, mask: Tensor, keys: Tensor, values: Tensor, w: Dict[str, Tensor]) -> List[Tensor]:
    q, k, v = self.project(x, rope, w)
    k = torch.cat([keys.to(k.dtype), k], 2)
    v = torch.cat([values.to(v.dtype), v], 2)
    groups = q.size(1) // k.size(1)
    o = torch.scaled_dot_product_attention(q, self.repeat(k, groups), self.repeat(v, groups), mask, 0., False)
    return [self.close(x, o, w), k, v]

  def at(self: __torch__.Decoder, rope: Tensor, positions: Tensor) -> Tensor:
    return rope.index_select(1, positions.flatten()).view([2, positions.size(0), 1, positions.size(1), -1])

  def select(self: __torch__.Decoder, x: Tensor, rows: Tensor) -> Tensor:
    return self.rows(x).index_select(0, rows)

  def scatter(self: __torch__.Decoder, g: Tensor, rows: Tensor, like: Tensor) -> Tensor:
    return self.rows(torch.zeros_like(like)).index_copy(0, rows, g).view(like.size())

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
