//! chaobiao.
