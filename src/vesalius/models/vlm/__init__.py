"""The vision-language core: media become views, views become tokens, tokens stand among words."""
