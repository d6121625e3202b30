"""Parts that read image and text together: co-attention streams, prompt pools, heads and a decoder of pixels.

How a method uses them, with B images of P patches and B texts of L tokens::

    fusion = Fusion(FusionConfig(width=128, layers=2, heads=4, middle=1), text_width=Ft, image_width=Fi)
    image = model.encode_image(pixel_values)                     # tokens (B, P, Fi)
    text = model.encode_text(input_ids, attention_mask)          # tokens (B, L, Ft)
    fused = fusion(text_stream(text), image_stream(image), text_keep=attention_mask.bool())
    fused.text, fused.image                                      # (B, L, D) and (B, 1 + P, D)
    logits = MatchingHead(2 * D)(fusion.pooled(fused))           # (B, 2): no, yes

The image stream starts with the encoder's summary (its class token, or what pools its patches), the text stream with
its first token. `upto` runs the first layers alone, and `sides` leaves out what is not wanted of the last one: a
reconstruction from the middle costs half of the layers. What is None as a mask is looked at whole.

Masked images: draw a `vesalius.objectives.masked.Masking` over ``model.image_grid(size)``, give its `kept` to
`encode_image`, fuse, and decode: ``PixelDecoder(…)(fused.image, lambda seen, hidden: restored(seen, masking, hidden),
grid)`` gives the values of every patch in the layout of `patchify`.

A third stream is a callable that changes the text stream inside each layer, between its look at the image and its
perceptron: `Attended.over` looks at vectors of knowledge, and a method may bring its own.
"""
