//! Kernels without parameters that are generic over their element type.

/// Declares such a kernel: a struct that carries nothing but the type, `new` and the usual traits.
macro_rules! stateless_kernel {
    ($(#[$doc:meta])* $vis:vis $name:ident) => {
        $(#[$doc])*
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(bound = "")]
        $vis struct $name<T> {
            #[serde(skip)]
            element: std::marker::PhantomData<fn() -> T>,
        }

        impl<T> $name<T> {
            /// The kernel; its element type follows from the array.
            $vis const fn new() -> Self {
                Self { element: std::marker::PhantomData }
            }
        }

        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $name<T> {}

        impl<T> std::fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "<"))?;
                f.write_str(std::any::type_name::<T>())?;
                f.write_str(">")
            }
        }
    };
}
pub(crate) use stateless_kernel;
