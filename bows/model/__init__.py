"""Autoencoder variants, the closed-form PCA, and the one LightningModule that trains them."""
