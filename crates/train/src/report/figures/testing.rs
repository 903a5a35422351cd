//! What the figures' tests have in common.
