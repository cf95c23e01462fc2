-- The certificate that a terminal came with first, as SHA-256 in hexadecimal: with another one nobody is this terminal (T5, T7).
ALTER TABLE terminal ADD COLUMN certificate TEXT;
