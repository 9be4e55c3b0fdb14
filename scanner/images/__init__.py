"""From encoded bytes to 8-bit RGB: which decoder, which page, which samples."""
