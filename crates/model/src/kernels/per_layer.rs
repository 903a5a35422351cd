//! What belongs to the layers of a network, in their order.

/// Something for each layer of a network.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerLayer<T> {
    pub encoder: Vec<T>,
    pub mean: T,
    pub log_var: T,
    pub decoder: Vec<T>,
    pub logits: T,
}

impl<T> PerLayer<T> {
    pub(crate) fn each(&self) -> PerLayer<&T> {
        PerLayer {
            encoder: self.encoder.iter().collect(),
            mean: &self.mean,
            log_var: &self.log_var,
            decoder: self.decoder.iter().collect(),
            logits: &self.logits,
        }
    }

    pub(crate) fn each_mut(&mut self) -> PerLayer<&mut T> {
        PerLayer {
            encoder: self.encoder.iter_mut().collect(),
            mean: &mut self.mean,
            log_var: &mut self.log_var,
            decoder: self.decoder.iter_mut().collect(),
            logits: &mut self.logits,
        }
    }

    pub(crate) fn map<U>(self, mut f: impl FnMut(T) -> U) -> PerLayer<U> {
        PerLayer {
            encoder: self.encoder.into_iter().map(&mut f).collect(),
            mean: f(self.mean),
            log_var: f(self.log_var),
            decoder: self.decoder.into_iter().map(&mut f).collect(),
            logits: f(self.logits),
        }
    }

    /// From the images to the logits, the mean's head before the log-variance's.
    pub(crate) fn into_order(self) -> Vec<T> {
        let heads = [self.mean, self.log_var];
        self.encoder.into_iter().chain(heads).chain(self.decoder).chain([self.logits]).collect()
    }
}

impl<T, U> PerLayer<(T, U)> {
    pub(super) fn unzip(self) -> (PerLayer<T>, PerLayer<U>) {
        let (encoder, encoder_2) = self.encoder.into_iter().unzip();
        let (decoder, decoder_2) = self.decoder.into_iter().unzip();
        let ((mean, mean_2), (log_var, log_var_2)) = (self.mean, self.log_var);
        let (logits, logits_2) = self.logits;
        (
            PerLayer { encoder, mean, log_var, decoder, logits },
            PerLayer {
                encoder: encoder_2,
                mean: mean_2,
                log_var: log_var_2,
                decoder: decoder_2,
                logits: logits_2,
            },
        )
    }
}
