//! Burn's optimisers, by name.

use burn::optim::{
    AdaGradConfig, AdafactorConfig, AdamConfig, AdamWConfig, AdanConfig, GradientsParams, LBFGS, LBFGSConfig,
    LambConfig, LineSearchFn, LionConfig, ModuleOptimizer, RmsPropConfig, SgdConfig,
    momentum::MomentumConfig,
};
use serde::{Deserialize, Serialize};

use super::graph::{Graph, NormalParameters};

/// Burn's optimisers, with Burn's defaults where nothing else is said. Only Muon is missing: it needs matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Plain gradient descent.
    Sgd,
    /// Gradient descent with momentum 0.9.
    Momentum,
    /// Adam. Burn's epsilon is 1e-5.
    Adam,
    /// AdamW, with Burn's weight decay of 1e-4.
    AdamW,
    /// AdaGrad.
    AdaGrad,
    /// RMSProp.
    RmsProp,
    /// Lion.
    Lion,
    /// Adan.
    Adan,
    /// LAMB.
    Lamb,
    /// Adafactor.
    Adafactor,
    /// L-BFGS, one iteration an update, with a line search under the strong Wolfe conditions.
    Lbfgs,
}

impl OptimizerKind {
    /// The usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "gradient descent",
            Self::Momentum => "gradient descent with momentum",
            Self::Adam => "Adam",
            Self::AdamW => "AdamW",
            Self::AdaGrad => "AdaGrad",
            Self::RmsProp => "RMSProp",
            Self::Lion => "Lion",
            Self::Adan => "Adan",
            Self::Lamb => "LAMB",
            Self::Adafactor => "Adafactor",
            Self::Lbfgs => "L-BFGS",
        }
    }

    pub(super) fn init(self) -> Optimizer {
        Optimizer::FirstOrder(match self {
            Self::Sgd => SgdConfig::new().init(),
            Self::Momentum => {
                let momentum = MomentumConfig { momentum: 0.9, dampening: 0.0, nesterov: false };
                SgdConfig::new().with_momentum(Some(momentum)).init()
            }
            Self::Adam => AdamConfig::new().init(),
            Self::AdamW => AdamWConfig::new().init(),
            Self::AdaGrad => AdaGradConfig::new().init(),
            Self::RmsProp => RmsPropConfig::new().init(),
            Self::Lion => LionConfig::new().init(),
            Self::Adan => AdanConfig::new().init(),
            Self::Lamb => LambConfig::new().init(),
            Self::Adafactor => AdafactorConfig::new().init(),
            Self::Lbfgs => {
                let config = LBFGSConfig::new()
                    .with_max_iter(1)
                    .with_max_eval(Some(25))
                    .with_line_search_fn(LineSearchFn::StrongWolfe);
                return Optimizer::Lbfgs(Box::new(config.init()));
            }
        })
    }
}

/// An optimiser with its state.
pub(super) enum Optimizer {
    /// One that needs a gradient for an update.
    FirstOrder(ModuleOptimizer),
    /// One that evaluates the objective as often as it likes.
    Lbfgs(Box<LBFGS>),
}

impl Optimizer {
    pub(super) fn step(
        &mut self,
        learning_rate: f64,
        parameters: NormalParameters,
        gradients: GradientsParams,
        graph: &Graph,
    ) -> NormalParameters {
        match self {
            Self::FirstOrder(optimizer) => optimizer.step(learning_rate, parameters, gradients),
            Self::Lbfgs(optimizer) => {
                let evaluate = |at: NormalParameters| {
                    let (evaluation, gradients) = graph.evaluate(&at);
                    (evaluation.objective, gradients)
                };
                optimizer.step(learning_rate, parameters, evaluate).0
            }
        }
    }
}
