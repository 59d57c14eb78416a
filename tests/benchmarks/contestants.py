"""The peers as their users write them: those on torch in float32."""

from itertools import pairwise

import torch
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn.functional import cross_entropy


def dense(sizes):
    """Linear layers with relu between them."""
    layers = []
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def torch_fit(net, X, y, batch_size, n_epochs, device="cpu"):
    """The bare loop: fused Adam on slices by index."""
    X, y = torch.from_numpy(X).to(device), torch.from_numpy(y).to(device)
    net = net.to(device)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    net.train()
    for _ in range(n_epochs):
        order = torch.randperm(len(X), device=device)
        for start in range(0, len(X), batch_size):
            batch = order[start : start + batch_size]
            optimizer.zero_grad()
            cross_entropy(net(X[batch]), y[batch]).backward()
            optimizer.step()
    if device == "cuda":
        torch.cuda.synchronize()
    return net


def skorch_net(module, batch_size, n_epochs, **options):
    """skorch's classifier, of a module or of a function that makes one."""
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=batch_size,
        max_epochs=n_epochs,
        verbose=0,
        # It would train on four fifths of the rows, where the others train on all.
        train_split=None,
        **options,
    )
