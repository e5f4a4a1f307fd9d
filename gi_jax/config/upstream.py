"""Keys of torchcell's configurations that have no meaning here: accepted, and listed once."""

from __future__ import annotations

UNUSED: dict[str, tuple[str, ...]] = {
    "": (
        "defaults",
        "hydra",
        "wandb",
        "profiler",
        "metabolism",
        "gpr",
        "compile_mode",
        "execution_mode",
        "adapters",
        "prediction_head_config",
    ),
    "cell_dataset": (
        "incidence_graphs",
        "node_embeddings",
        "learnable_embedding_input_channels",
        "graph_names",
    ),
    "data_module": (
        "is_perturbation_subset",
        "perturbation_subset_size",
        "num_workers",
        "pin_memory",
        "prefetch",
        "prefetch_factor",
        "persistent_workers",
        "follow_batch",
        "train_shuffle",
    ),
    "model": (
        "gene_num",
        "learnable_embedding",
        "prediction_head_config",
        "metabolism_config",
        "metabolism",
        "gpr",
        "use_skip_connection",
    ),
    "regression_task": (
        "is_weighted_phenotype_loss",
        "method_weights",
        "plot_sample_ceiling",
        "plot_every_n_epochs",
        "boxplot_every_n_epochs",
        "execution_mode",
    ),
    "trainer": (
        "accelerator",
        "strategy",
        "num_nodes",
        "overfit_batches",
        "enable_progress_bar",
        "deterministic",
    ),
}
